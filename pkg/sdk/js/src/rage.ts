const clicks = 3;
const radius = 30;
const pause = 1_000;

/** Where and when a click fell; x and y are absent for a click made by the keyboard or by a script. */
export interface Click {
  target: unknown;
  at: number;
  x?: number;
  y?: number;
}

/**
 * Answers, for each click in turn, how long the current streak is when it has just become rage
 * (third click), else 0. A streak goes on while each click comes less than a second after the one
 * before it and hits the same element or a point within 30 px of it. One streak is one signal,
 * however long it lasts.
 */
export function rageDetector(): (click: Click) => number {
  let last: Click | undefined;
  let streak = 0;
  return (click) => {
    streak = last && click.at - last.at < pause && together(last, click) ? streak + 1 : 1;
    last = click;
    return streak == clicks ? streak : 0;
  };
}

function together(a: Click, b: Click): boolean {
  return (
    a.target === b.target ||
    (a.x !== undefined && a.y !== undefined && b.x !== undefined && b.y !== undefined &&
      Math.hypot(a.x - b.x, a.y - b.y) <= radius)
  );
}
