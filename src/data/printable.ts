/**
 * A text for a terminal, with control characters escaped as in JSON: those that control the terminal (C0, DEL, C1) and those that
 * change where and in which order text is shown (line separators, directional marks and overrides). A line break that is followed
 * by an indent stays, since messages show excerpts of files in this way, and it cannot be mistaken for a line of this program.
 */
export function printable(text: string): string {
  return text.replace(/\n(?! {2})|(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (c) => {
    const short = JSON.stringify(c).slice(1, -1);
    return short === c ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : short;
  });
}
