/** Where signals go unless told otherwise. The gateway writes its own path in here when it serves the tag. */
export const ingestPath = "/api/signals";
