/** Puts a text on the clipboard; false when the browser does not let the page, as over plain http, where there is none. */
export async function copyText(text: string, browser: { clipboard?: Pick<Clipboard, "writeText"> } = navigator): Promise<boolean> {
  if (browser.clipboard === undefined) return false;
  try {
    await browser.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** What a person presses to copy. */
export function copyKeys(userAgent: string): string {
  return userAgent.includes("Mac") ? "⌘C" : "Ctrl+C";
}
