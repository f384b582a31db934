export type Payload = Record<string, unknown>;

/** pending keeps signals in memory only, until the visitor has decided. */
export type Consent = "granted" | "denied" | "pending";

/** One behavioural signal as it is sent. */
export interface Signal {
  /** UUID; the gateway counts one id once. */
  id: string;
  type: string;
  payload: Payload;
  context_id?: string | undefined;
  session_id?: string | undefined;
  /** Milliseconds since 1970, or RFC 3339. */
  timestamp: number | string;
}

/** What may be given with one signal. */
export interface TrackOptions {
  contextId?: string | undefined;
  /** Makes a repeated call count once. */
  id?: string | undefined;
  timestamp?: number | string | Date | undefined;
}

/** Which signals are made without a line of code. All but deadClicks are on unless turned off. */
export interface AutoTrack {
  pageviews?: boolean | undefined;
  /** Clicks on elements with data-specter. */
  clicks?: boolean | undefined;
  forms?: boolean | undefined;
  errors?: boolean | undefined;
  rageClicks?: boolean | undefined;
  deadClicks?: boolean | undefined;
}

/** What may be chosen about delivery, in the browser and on a server. */
export interface DeliveryOptions {
  /** The product's API key, spk_…; it can only write. */
  apiKey: string;
  /** Where the gateway answers, such as https://specter.example.com. In a browser the page's own origin without it. */
  host?: string | undefined;
  /** The gateway's path for signals. Default /api/signals. */
  ingestPath?: string | undefined;
  /** The context of every signal; the product's default without it. */
  contextId?: string | undefined;
  /** The release of your product, kept with every signal. */
  release?: string | undefined;
  /** Signals in one request. Default 20. */
  batchSize?: number | undefined;
  /** The longest a signal waits for others. Default 3000. */
  flushIntervalMs?: number | undefined;
  /** Signals kept while they cannot be sent; the oldest go first. Default 200, on a server 10000. */
  maxQueue?: number | undefined;
  /** Sees each signal last: may change it, or drop it by returning null. */
  beforeSend?: ((signal: Signal) => Signal | null) | undefined;
  /** Hears of every refusal and of everything that is dropped. */
  onError?: ((error: Error) => void) | undefined;
}

/** Options of a client in a browser. */
export interface Options extends DeliveryOptions {
  /** false turns every automatic signal off. Default true. */
  autoTrack?: boolean | AutoTrack | undefined;
  /** Default "granted". */
  consent?: Consent | undefined;
  /** Global Privacy Control and Do Not Track silence everything. Default true. */
  respectPrivacySignals?: boolean | undefined;
  /** The part of sessions that is captured, 0 to 1. Default 1. */
  sampleRate?: number | undefined;
  /** Makes the URL that is sent of the page's own. Default: without query and hash. */
  sanitizeUrl?: ((url: string) => string) | undefined;
  /** On localhost, true captures automated browsers too and false captures nobody. Default: people only. */
  captureOnLocalhost?: boolean | undefined;
  /** Captures automated browsers everywhere; for tests. Default false. */
  captureAutomation?: boolean | undefined;
  /** Writes every signal and every failure to the console. Default false. */
  debug?: boolean | undefined;
  /** Keeps undelivered signals in localStorage over a page close, 24 h at most. Default true. */
  persistQueue?: boolean | undefined;
}

/** A client in a browser. No method throws. */
export interface Specter {
  track(type: string, payload?: Payload, options?: TrackOptions): void;
  /** Adds user.id to every signal from now on; null forgets it. */
  identify(id: string | number | null): void;
  /** The context of every signal from now on; null goes back to the product's default. */
  setContext(contextId: string | null): void;
  /** A page view by hand. */
  page(payload?: Payload): void;
  /** A js_error by hand, for errors that your code has caught. */
  captureError(error: unknown, payload?: Payload): void;
  optIn(): void;
  /** Also throws away what waits. */
  optOut(): void;
  setConsent(consent: Consent): void;
  /** Sends what waits; resolves when that has been answered. */
  flush(): Promise<void>;
  /** Sends what waits and stops; the page is left as it was. */
  shutdown(): Promise<void>;
  /** For a log-out: forgets the user and begins a new session. */
  reset(): void;
}

/** window.specter before the script has loaded: calls wait in q, as ["track", "type", …]. */
export interface Stub extends Partial<Specter> {
  q?: Iterable<unknown>[];
}

declare global {
  interface Window {
    /** The page's first client, or what waits for it. */
    specter?: Stub;
  }
}
