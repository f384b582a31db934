import { useCallback, useState } from "react";

/** The width of an element in pixels, 0 before it is known; what is drawn to it keeps the size of its text. */
export function useWidth(): [(element: HTMLElement | null) => (() => void) | undefined, number] {
  const [width, setWidth] = useState(0);
  const ref = useCallback((element: HTMLElement | null) => {
    if (element === null) return undefined;
    const watch = new ResizeObserver(([entry]) => {
      const now = Math.floor(entry?.contentRect.width ?? 0);
      if (now > 0) setWidth(now); // 0 while it is hidden: what was drawn stays
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}
