package crosstie

import (
	"slices"
	"strconv"
)

// Setup is what a plugin is configured with. It collects what is wrong, so that all of it is shown at once, each at its node.
type Setup struct {
	*SetupRequest
	answer SetupAnswer
}

// Problem says what is wrong at a node, or with the whole block where it is nil. A plugin with problems does not load.
func (s *Setup) Problem(node *Node, message string) {
	s.answer.Problems = append(s.answer.Problems, SetupProblem{Message: message, Path: node.path()})
}

// Text is the only argument of a node, a text. Where it is none: a problem, and an empty text.
func (s *Setup) Text(node *Node) string {
	if len(node.Args) == 1 {
		if text, ok := node.Args[0].(string); ok {
			return text
		}
	}
	s.Problem(node, "`"+node.Name+"` takes a text")
	return ""
}

// Flag is whether a node is set: it has no argument, or #true or #false.
func (s *Setup) Flag(node *Node) bool {
	if len(node.Args) == 0 {
		return true
	}
	flag, ok := node.Args[0].(bool)
	if !ok || len(node.Args) > 1 {
		s.Problem(node, "`"+node.Name+"` takes #true or #false")
	}
	return flag
}

// TextProp is a property that is a text.
func (s *Setup) TextProp(node *Node, key string) Option[string] {
	value, found := node.Prop(key)
	if !found {
		return Option[string]{}
	}
	text, ok := value.(string)
	if !ok {
		s.Problem(node, "`"+key+"` takes a text")
	}
	return Option[string]{Value: text, Present: ok}
}

// IntProp is a property that is an integer from min to max.
func (s *Setup) IntProp(node *Node, key string, min, max int64) Option[int64] {
	value, found := node.Prop(key)
	if !found {
		return Option[int64]{}
	}
	if number, ok := value.(int64); ok && min <= number && number <= max {
		return Some(number)
	}
	between := strconv.FormatInt(min, 10) + " to " + strconv.FormatInt(max, 10)
	s.Problem(node, "`"+key+"` takes an integer from "+between)
	return Option[int64]{}
}

// Expect makes a problem of every node whose name is none of these. Without names: of every node.
func (s *Setup) Expect(nodes []Node, names ...string) {
	for i := range nodes {
		if node := &nodes[i]; !slices.Contains(names, node.Name) {
			s.Problem(node, "unknown node `"+node.Name+"`")
		}
	}
}

// ExpectProps makes a problem of every property of a node whose name is none of these.
func (s *Setup) ExpectProps(node *Node, keys ...string) {
	for _, prop := range node.Props {
		if !slices.Contains(keys, prop.Key) {
			s.Problem(node, "unknown property `"+prop.Key+"` of `"+node.Name+"`")
		}
	}
}
