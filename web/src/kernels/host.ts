/** The facts about the machine that a browser reveals and that affect times. */
export function hostOf(): Record<string, string | number> {
  const { userAgent, hardwareConcurrency, platform } = navigator;
  const [, name = 'unknown', version = ''] =
    /(Firefox|Edg|Chrome)\/(\d+)/.exec(userAgent) ?? /(Safari)\/(\d+)/.exec(userAgent) ?? [];
  return { platform, cpus: hardwareConcurrency, browser: `${name} ${version}`.trim() };
}
