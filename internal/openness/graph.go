package openness

import "container/heap"

// graph is an automaton whose strings can be listed.
type graph struct {
	m     *machine  // whose budget is used
	edges [][]step  // by node
	back  [][]int32 // by node, where edges to it come from
}

type step struct {
	c  byte
	to int32
}

// build returns the graph of all nodes that are reachable from the start, of which
// next yields the edges; and the nodes in the order of their numbers, beginning
// with the start.
func build[N comparable](m *machine, start N, next func(N, func(byte, N))) (g *graph, nodes []N) {
	number := map[N]int32{start: 0}
	nodes = []N{start}
	g = &graph{m: m}
	for i := 0; i < len(nodes); i++ {
		var edges []step
		next(nodes[i], func(c byte, to N) {
			n, ok := number[to]
			if !ok {
				n = int32(len(nodes))
				number[to] = n
				nodes = append(nodes, to)
			}
			m.spend(1)
			edges = append(edges, step{c, n})
		})
		g.edges = append(g.edges, edges)
		if len(nodes) > 64*maxStates {
			m.over = true
		}
		if m.over {
			return &graph{m: m, edges: make([][]step, len(nodes)), back: make([][]int32, len(nodes))}, nodes
		}
	}
	g.back = make([][]int32, len(nodes))
	for from, edges := range g.edges {
		for _, e := range edges {
			g.back[e.to] = append(g.back[e.to], int32(from))
		}
	}
	return g, nodes
}

// distances returns for each node how far an accepted one is, -1 if none can be
// reached.
func (g *graph) distances(accepted []bool) []int {
	g.m.spend(len(g.edges))
	distance := make([]int, len(g.edges))
	var queue []int32
	for n := range distance {
		distance[n] = -1
		if accepted[n] {
			distance[n] = 0
			queue = append(queue, int32(n))
		}
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, from := range g.back[n] {
			if distance[from] < 0 {
				distance[from] = distance[n] + 1
				queue = append(queue, from)
			}
		}
	}
	return distance
}

// list yields the strings that lead from the start to an accepted node, the
// shortest first, of at most longest bytes, each once if the graph is
// deterministic. It ends when there are no more, when yield returns false, or when
// the budget is used up.
func (g *graph) list(accepted []bool, longest int, yield func(string) bool) {
	distance := g.distances(accepted)
	if distance[0] < 0 {
		return
	}
	queue := &pathQueue{{total: distance[0]}}
	for queue.Len() > 0 {
		p := heap.Pop(queue).(path)
		if accepted[p.node] {
			if g.m.over || !yield(p.text) {
				return
			}
		}
		for _, e := range g.edges[p.node] {
			total := len(p.text) + 1 + distance[e.to]
			if distance[e.to] >= 0 && total <= longest {
				if !g.m.spend(10) { // with what the string takes
					return
				}
				heap.Push(queue, path{node: e.to, text: p.text + string(e.c), total: total})
			}
		}
	}
}

// path is a string on its way to an accepted node.
type path struct {
	node  int32
	text  string
	total int // the least length that it can end with
}

// pathQueue is a heap of paths, those in front that end first.
type pathQueue []path

func (q pathQueue) Len() int      { return len(q) }
func (q pathQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q pathQueue) Less(i, j int) bool {
	if q[i].total != q[j].total {
		return q[i].total < q[j].total
	}
	return plainer(q[i].text, q[j].text)
}
func (q *pathQueue) Push(p any) { *q = append(*q, p.(path)) }
func (q *pathQueue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	*q = (*q)[:last]
	return p
}
