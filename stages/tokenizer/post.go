package tokenizer

import "fmt"

// post is what a post-processor adds to one text.
type post struct{ before, after []int32 }

func (t *Tokenizer) newPost(c *component) (post, error) {
	if c == nil {
		return post{}, nil
	}
	switch c.Type {
	case "ByteLevel":
		return post{}, nil // changes positions only
	case "Sequence":
		parts, err := c.list("processors")
		var all post
		for _, p := range parts {
			one, err := t.newPost(p)
			if err != nil {
				return post{}, err
			}
			all.before = append(one.before, all.before...)
			all.after = append(all.after, one.after...)
		}
		return all, err
	case "BertProcessing", "RobertaProcessing":
		var cls, sep [2]any
		if err := c.read("cls", &cls, "sep", &sep); err != nil {
			return post{}, err
		}
		before, err := t.special(cls[0])
		if err != nil {
			return post{}, err
		}
		after, err := t.special(sep[0])
		return post{[]int32{before}, []int32{after}}, err
	case "TemplateProcessing":
		return t.template(c)
	}
	return post{}, unknown("post_processor", c)
}

func (t *Tokenizer) special(name any) (int32, error) {
	text, _ := name.(string)
	id, ok := t.ids[text]
	if !ok {
		return 0, fmt.Errorf("the special token %v of the post_processor is not in the vocabulary", name)
	}
	return id, nil
}

// template reads a list of special tokens around the text.
func (t *Tokenizer) template(c *component) (post, error) {
	var items []map[string]struct{ ID string }
	var tokens map[string]struct{ IDs []int32 }
	if err := c.read("single", &items, "special_tokens", &tokens); err != nil {
		return post{}, err
	}
	var p post
	seen := false
	for _, item := range items {
		if _, text := item["Sequence"]; text {
			seen = true
			continue
		}
		token, ok := tokens[item["SpecialToken"].ID]
		if !ok {
			return post{}, fmt.Errorf("TemplateProcessing: the special token %q has no ids", item["SpecialToken"].ID)
		}
		for _, id := range token.IDs {
			if t.Token(id) == "" {
				return post{}, fmt.Errorf("TemplateProcessing: the special token %q has the id %d, which no token has", item["SpecialToken"].ID, id)
			}
		}
		if seen {
			p.after = append(p.after, token.IDs...)
		} else {
			p.before = append(p.before, token.IDs...)
		}
	}
	return p, nil
}
