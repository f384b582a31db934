const clicks = 3;
const radius = 30;
const pause = 1_000;

/** Where and when a click fell; x and y are NaN for a click made by the keyboard or by a script. */
export type Click = [target: unknown, at: number, x: number, y: number];

/**
 * Answers, for each click in turn, how long the current streak is when it has just become rage
 * (third click), else 0. A streak goes on while each click comes less than a second after the one
 * before it and hits the same element or a point within 30 px of it. One streak is one signal,
 * however long it lasts.
 */
export function rageDetector(): (...click: Click) => number {
  let last: Click | [] = [];
  let streak = 0;
  return (...click) => {
    const [target, at, x, y] = click;
    // Before the first click everything is NaN, which is neither near nor soon.
    const near = target === last[0] || Math.hypot(x - last[2]!, y - last[3]!) <= radius;
    streak = near && at - last[1]! < pause ? streak + 1 : 1;
    last = click;
    return streak == clicks ? streak : 0;
  };
}
