/** A longer text is answered anew each time, so that what is remembered has a bound in characters, too. */
const MAX_LENGTH = 256;

/** The same pure function, with its answers to up to `bound` texts at hand; when there are more, it begins anew. */
export function remembering<Answer>(
  answer: (text: string) => Answer,
  bound: number,
): (text: string) => Answer {
  const answers = new Map<string, Answer>();
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined || answers.has(text)) return known as Answer;
    if (text.length > MAX_LENGTH) return answer(text);
    // One of its own: what was cut out of a longer text, a head's, keeps all of that in memory.
    const own = ` ${text}`.slice(1);
    const given = answer(own);
    if (answers.size >= bound) answers.clear();
    answers.set(own, given);
    return given;
  };
}
