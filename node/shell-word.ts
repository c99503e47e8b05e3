/** Quotes a word for a POSIX shell, whatever is in it. */
export const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Like `quoted`, but leaves a word as it is that needs no quotes. */
export const shellWord = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : quoted(word));
