"""Encodes texts with Hugging Face's tokenizers: encode.py TOKENIZER_JSON < texts.json > ids.json"""

import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
texts = json.load(sys.stdin)
json.dump([tokenizer.encode(text).ids for text in texts], sys.stdout)
