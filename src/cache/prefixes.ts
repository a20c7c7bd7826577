interface Node<V> {
  /** The characters from the parent to here. */
  label: string;
  value: V | undefined;
  /** By the first character of their labels, no two of which begin alike. */
  readonly children: Map<number, Node<V>>;
}

const node = <V>(label: string, value?: V): Node<V> => ({ label, value, children: new Map() });

/**
 * Which of many prefixes does a text begin with?
 *
 * A radix tree: looking up costs at most one pass over the text, however many prefixes there are,
 * and ends where no prefix goes on.
 */
export class Prefixes<V extends object> {
  readonly #root: Node<V> = node("");

  set(prefix: string, value: V): void {
    let at = this.#root;
    let rest = prefix;
    while (rest !== "") {
      const child = at.children.get(rest.charCodeAt(0));
      if (child === undefined) {
        at.children.set(rest.charCodeAt(0), node(rest, value));
        return;
      }
      const shared = sharedLength(child.label, rest);
      at = shared === child.label.length ? child : split(at, child, shared);
      rest = rest.slice(shared);
    }
    at.value = value;
  }

  delete(prefix: string): void {
    const path: Node<V>[] = [this.#root];
    let rest = prefix;
    while (rest !== "") {
      const child = path[path.length - 1]?.children.get(rest.charCodeAt(0));
      if (child === undefined || !rest.startsWith(child.label)) return;
      path.push(child);
      rest = rest.slice(child.label.length);
    }
    const [last, parent, grandparent] = path.reverse();
    if (last === undefined) return;
    last.value = undefined;
    if (parent === undefined) return;
    tidy(last, parent);
    // With one child less it may be no fork any longer.
    if (grandparent !== undefined) tidy(parent, grandparent);
  }

  /** Calls `visit` with the value of every prefix of `text` from `start` on, and where it ends, the shortest first. */
  visit(text: string, start: number, visit: (value: V, end: number) => void): void {
    let at: Node<V> = this.#root;
    let position = start;
    for (;;) {
      if (at.value !== undefined) visit(at.value, position);
      const child = position < text.length ? at.children.get(text.charCodeAt(position)) : undefined;
      if (child === undefined || !text.startsWith(child.label, position)) return;
      position += child.label.length;
      at = child;
    }
  }

  /** How many nodes there are, the root among them: at most two for each prefix. */
  get size(): number {
    let size = 0;
    const nodes = [this.#root];
    for (let next = nodes.pop(); next !== undefined; next = nodes.pop()) {
      size++;
      nodes.push(...next.children.values());
    }
    return size;
  }

  clear(): void {
    this.#root.value = undefined;
    this.#root.children.clear();
  }
}

function sharedLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** Puts a node between these two, after so many characters of the child's label. */
function split<V>(parent: Node<V>, child: Node<V>, length: number): Node<V> {
  const between = node<V>(child.label.slice(0, length));
  child.label = child.label.slice(length);
  between.children.set(child.label.charCodeAt(0), child);
  parent.children.set(between.label.charCodeAt(0), between);
  return between;
}

/** A node that has neither value nor fork is none. */
function tidy<V>(self: Node<V>, parent: Node<V>): void {
  if (self.value !== undefined || self.children.size > 1) return;
  const first = self.label.charCodeAt(0);
  const [only] = self.children.values();
  if (only === undefined) parent.children.delete(first);
  else {
    only.label = self.label + only.label;
    parent.children.set(first, only);
  }
}
