/** What of the machine a time depends on, as far as a browser tells. */
export function hostOf(): Record<string, string | number> {
  const { userAgent, hardwareConcurrency, platform } = navigator;
  const [, name = 'unknown', version = ''] =
    /(Firefox|Edg|Chrome)\/(\d+)/.exec(userAgent) ?? /(Safari)\/(\d+)/.exec(userAgent) ?? [];
  return { platform, cpus: hardwareConcurrency, browser: `${name} ${version}`.trim() };
}
