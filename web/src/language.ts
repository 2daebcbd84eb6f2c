function known(language: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}

/**
 * Sees to it that the browser's language is one that Intl knows: uPlot formats numbers in it and does not load under
 * another, as `en-US@posix`, which Chromium takes from the system.
 */
export function nameLanguage(): void {
  if (known(navigator.language)) return;
  const value = navigator.languages.find(known) ?? 'en';
  Object.defineProperty(navigator, 'language', { value, configurable: true });
}
