/**
 * A text with its control characters escaped as in JSON, for a terminal: those that steer it (C0, DEL, C1) and those that change
 * where and in which order text is shown (separators of lines, directional marks and overrides). A line break that is followed
 * by an indent stays, since messages show excerpts of files that way; it cannot pass for a line of this program's.
 */
export function printable(text: string): string {
  return text.replace(/\n(?! {2})|(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (c) => {
    const short = JSON.stringify(c).slice(1, -1);
    return short === c ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : short;
  });
}
