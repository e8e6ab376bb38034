package crosstie

import (
	"reflect"
	"testing"
)

// read gives nodes their places, as those of a request have.
func read(nodes []Node) []Node {
	w := writer{}
	writeNodes(nodes, &w)
	return readNodes(&reader{data: w.out})
}

func TestProblemsStandAtTheirNodes(t *testing.T) {
	setup := Setup{SetupRequest: &SetupRequest{Config: read([]Node{
		{Name: "first"},
		{
			Name:     "second",
			Args:     []any{int64(-1)},
			Props:    []Prop{{"a", "text"}, {"a", int64(7)}, {"b", nil}},
			Children: []Node{{Name: "on", Args: []any{true}}, {Name: "off", Args: []any{1.5}}},
		},
	})}}
	second := First(setup.Config, "second")
	if got := setup.IntProp(second, "a", 0, 7); got != Some[int64](7) {
		t.Errorf("the last of a name is %v", got)
	}
	if setup.TextProp(second, "c").Present || !setup.Flag(second.Child("on")) || !setup.Flag(&setup.Config[0]) {
		t.Error("what is there is not read")
	}
	if len(setup.answer.Problems) > 0 {
		t.Errorf("%v", setup.answer.Problems)
	}
	setup.Text(second)
	setup.Flag(second.Child("off"))
	setup.TextProp(second, "b")
	setup.IntProp(second, "a", 8, 9)
	setup.Expect(second.Children, "on")
	setup.ExpectProps(second, "a")
	setup.Problem(nil, "nothing is allowed")
	wanted := []SetupProblem{
		{"`second` takes a text", []uint32{1}},
		{"`off` takes #true or #false", []uint32{1, 1}},
		{"`b` takes a text", []uint32{1}},
		{"`a` takes an integer from 8 to 9", []uint32{1}},
		{"unknown node `off`", []uint32{1, 1}},
		{"unknown property `b` of `second`", []uint32{1}},
		{"nothing is allowed", nil},
	}
	if !reflect.DeepEqual(setup.answer.Problems, wanted) {
		t.Errorf("%v", setup.answer.Problems)
	}
}

func TestNodesInNodesHaveAnEnd(t *testing.T) {
	nodes := []Node{}
	for range depthMax {
		nodes = []Node{{Name: "a", Children: nodes}}
	}
	read(nodes)
	defer func() {
		if recover() == nil {
			t.Error("they are read")
		}
	}()
	read([]Node{{Name: "a", Children: nodes}})
}
