// Package filter reads the search language of MLflow: comparisons such as
//
//	metrics.accuracy > 0.9 and params.`learning rate` = '0.1' and tags.env like 'prod%'
//
// and sort keys such as "metrics.accuracy DESC". It goes beyond MLflow by OR,
// NOT and parentheses, and tells the position of what it cannot read. It knows
// no SQL: a Grammar says which names exist, and the result is a tree.
package filter
