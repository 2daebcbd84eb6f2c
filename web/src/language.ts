function isSupported(language: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}

/**
 * Replaces the browser's language if Intl does not support it. Chromium may take one such as `en-US@posix` from the system,
 * and uPlot, which formats numbers in it, then fails to load.
 */
export function ensureSupportedLanguage(): void {
  if (isSupported(navigator.language)) return;
  const value = navigator.languages.find(isSupported) ?? 'en';
  Object.defineProperty(navigator, 'language', { value, configurable: true });
}
