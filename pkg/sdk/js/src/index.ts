import { connect } from "./client.js";
import type { Options, Specter } from "./types.js";

export type { AutoTrack, Consent, DeliveryOptions, Options, Payload, Signal, Specter, TrackOptions } from "./types.js";

/**
 * Starts a client in this page; a second call with the same key returns the one that runs. The page's
 * first client is window.specter too. Where there is no page (server rendering) the client does
 * nothing. Never throws.
 */
export function init(options: Options): Specter {
  if (typeof window == "undefined" || typeof document == "undefined") return silent();
  try {
    const { autoTrack = true, persistQueue: persist, ...rest } = options;
    const auto = typeof autoTrack == "object" ? autoTrack : {};
    return connect({
      ...rest,
      persist,
      autoTrack: !!autoTrack,
      trackPageviews: auto.pageviews,
      trackClicks: auto.clicks,
      trackForms: auto.forms,
      trackErrors: auto.errors,
      trackRageClicks: auto.rageClicks,
      trackDeadClicks: auto.deadClicks,
    });
  } catch (error) {
    console.warn("specter:", error);
    return silent();
  }
}

/** A client that does nothing. */
function silent(): Specter {
  const nothing = () => undefined;
  const done = () => Promise.resolve();
  return {
    track: nothing, identify: nothing, setContext: nothing, page: nothing, captureError: nothing,
    optIn: nothing, optOut: nothing, setConsent: nothing, reset: nothing, flush: done, shutdown: done,
  };
}
