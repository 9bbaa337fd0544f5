package origins

import "container/heap"

// graph is an automaton whose strings can be listed.
type graph struct {
	edges [][]edge // by node
	start int
	back  [][]int         // by node, where edges to it come from
	spend func(steps int) // takes steps off a budget
}

type edge struct {
	c  byte
	to int
}

// build returns the graph of all nodes that are reachable from start, which next
// yields the edges of; and its nodes in the order of their numbers.
func build[N comparable](spend func(int), start N, next func(N, func(byte, N))) (g *graph, nodes []N) {
	number := map[N]int{start: 0}
	nodes = []N{start}
	g = &graph{spend: spend}
	for i := 0; i < len(nodes); i++ {
		var edges []edge
		next(nodes[i], func(c byte, to N) {
			n, ok := number[to]
			if !ok {
				n = len(nodes)
				number[to] = n
				nodes = append(nodes, to)
				if n > 64*maxStates {
					panic(errBudget)
				}
			}
			spend(1)
			edges = append(edges, edge{c, n})
		})
		g.edges = append(g.edges, edges)
	}
	g.back = make([][]int, len(nodes))
	for from, edges := range g.edges {
		for _, e := range edges {
			g.back[e.to] = append(g.back[e.to], from)
		}
	}
	return g, nodes
}

// distances returns for each node how far an accepted one is, -1 if none can be
// reached.
func (g *graph) distances(accepted []bool) []int {
	g.spend(len(g.edges))
	distance := make([]int, len(g.edges))
	var queue []int
	for n := range distance {
		distance[n] = -1
		if accepted[n] {
			distance[n] = 0
			queue = append(queue, n)
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
// deterministic. It yields until there are no more, and then returns true, or
// until yield returns false.
func (g *graph) list(accepted []bool, longest int, yield func(string) bool) (exhausted bool) {
	distance := g.distances(accepted)
	if distance[g.start] < 0 {
		return true
	}
	queue := &pathQueue{{node: g.start, total: distance[g.start]}}
	for queue.Len() > 0 {
		p := heap.Pop(queue).(path)
		if accepted[p.node] {
			if !yield(p.text) {
				return false
			}
		}
		for _, e := range g.edges[p.node] {
			total := len(p.text) + 1 + distance[e.to]
			if distance[e.to] >= 0 && total <= longest {
				g.spend(10) // with what the string takes
				heap.Push(queue, path{node: e.to, text: p.text + string(e.c), total: total})
			}
		}
	}
	return true
}

// path is a string on its way to an accepted node.
type path struct {
	node  int
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

// plainer reports whether a comes before b, in an order in which letters come
// before digits, and all else behind: no name that begins with a hyphen can be
// registered in practice.
func plainer(a, b string) bool {
	rank := func(c byte) int {
		switch {
		case class[c]&lower != 0:
			return int(c)
		case class[c]&digit != 0:
			return int(c) | 0x100
		}
		return int(c) | 0x200
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return rank(a[i]) < rank(b[i])
		}
	}
	return len(a) < len(b)
}
func (q *pathQueue) Push(p any) { *q = append(*q, p.(path)) }
func (q *pathQueue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	*q = (*q)[:last]
	return p
}
