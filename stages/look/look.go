// Package look owns how the pages look that stages write for people: colours,
// tables and tiles, light and dark. What only one page has stands with that page.
package look

import _ "embed"

// CSS is what all pages share.
//
//go:embed look.css
var CSS string
