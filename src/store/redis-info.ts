/** What INFO says, by name. */
export const parseInfo = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("\r\n").flatMap((line) => {
      const colon = line.indexOf(":");
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );
