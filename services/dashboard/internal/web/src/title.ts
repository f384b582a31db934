import { useEffect } from "react";

/** What a tab of the browser says while no page has said what it is: as in index.html. */
export const brand = "Specter";

/** Names the page in the browser's tab and history: "Usage · Specter". */
export function useTitle(page: string): void {
  useEffect(() => {
    document.title = `${page} · ${brand}`;
  }, [page]);
}
