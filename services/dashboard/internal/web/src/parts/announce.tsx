import { createContext, useCallback, useContext, useRef, useState, type ReactNode } from "react";

const Announce = createContext<(text: string) => void>(() => undefined);

/** Says what happened to people who cannot see it happen. */
export function useAnnounce(): (text: string) => void {
  return useContext(Announce);
}

export function Announcer({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState("");
  const turn = useRef(false);
  const announce = useCallback((text: string) => {
    // The same words twice are said twice only when the text differs.
    turn.current = !turn.current;
    setSaid(turn.current ? text : `${text}\u00a0`);
  }, []);
  return (
    <Announce value={announce}>
      {children}
      <p role="status" aria-live="polite" className="sr-only">
        {said}
      </p>
    </Announce>
  );
}
