package crosstie

// Node is a node of the configuration, in KDL. Values are nil, bool, int64, float64 or string.
type Node struct {
	Name     string
	Args     []any
	Props    []Prop
	Children []Node

	// what it stands in, nil at the top, and at which place
	parent *Node
	index  uint32
}

// Prop is a property of a node.
type Prop struct {
	Key   string
	Value any
}

// Prop is the value of a property. It is false where the node has none of that name.
func (n *Node) Prop(key string) (value any, found bool) {
	for i := len(n.Props) - 1; i >= 0; i-- {
		if n.Props[i].Key == key {
			return n.Props[i].Value, true
		}
	}
	return nil, false
}

// Child is the first child of a name, nil where there is none.
func (n *Node) Child(name string) *Node {
	return First(n.Children, name)
}

// First is the first node of a name, nil where there is none.
func First(nodes []Node, name string) *Node {
	for i := range nodes {
		if nodes[i].Name == name {
			return &nodes[i]
		}
	}
	return nil
}

// path is where it stands: places of children from the top.
func (n *Node) path() []uint32 {
	if n == nil {
		return nil
	}
	return append(n.parent.path(), n.index)
}

// depthMax is how many nodes may stand in each other.
const depthMax = 16

func readNodes(r *reader) []Node {
	return readNodesIn(r, nil, 0)
}

func readNodesIn(r *reader, parent *Node, depth int) []Node {
	if depth > depthMax {
		panic("crosstie: nodes stand too deep in each other")
	}
	nodes := make([]Node, r.list())
	for i := range nodes {
		nodes[i].parent, nodes[i].index = parent, uint32(i)
		nodes[i].read(r, depth)
	}
	return nodes
}

func (n *Node) read(r *reader, depth int) {
	for left := r.entries(); left > 0; left-- {
		switch r.text() {
		case "name":
			n.Name = r.text()
		case "args":
			n.Args = make([]any, r.list())
			for i := range n.Args {
				n.Args[i] = readScalar(r)
			}
		case "props":
			n.Props = make([]Prop, r.entries())
			for i := range n.Props {
				n.Props[i] = Prop{Key: r.text(), Value: readScalar(r)}
			}
		case "children":
			n.Children = readNodesIn(r, n, depth+1)
		default:
			r.skip()
		}
	}
}

func readScalar(r *reader) any {
	switch first := r.peek(); {
	case r.null():
		return nil
	case first == itemFloat:
		return r.float()
	case first>>5 == kindText:
		return r.text()
	case first>>5 <= kindNegative:
		return r.int()
	default:
		return r.bool()
	}
}

func writeNodes(nodes []Node, w *writer) {
	w.list(len(nodes))
	for i := range nodes {
		node := &nodes[i]
		w.head(kindMap, 4)
		w.text("name")
		w.text(node.Name)
		w.text("args")
		w.list(len(node.Args))
		for _, arg := range node.Args {
			writeScalar(arg, w)
		}
		w.text("props")
		w.head(kindMap, uint64(len(node.Props)))
		for _, prop := range node.Props {
			w.text(prop.Key)
			writeScalar(prop.Value, w)
		}
		w.text("children")
		writeNodes(node.Children, w)
	}
}

func writeScalar(value any, w *writer) {
	switch value := value.(type) {
	case nil:
		w.null()
	case bool:
		w.bool(value)
	case int64:
		w.int(value)
	case float64:
		w.float(value)
	case string:
		w.text(value)
	default:
		panic("crosstie: a node has a value of no kind")
	}
}
