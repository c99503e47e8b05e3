/** Bounds of the login at a provider. */
export const accessLimits = {
  oidc: {
    /** One call to the login provider; a person waits for three of them. */
    requestMsMax: 10_000,
    /** From the way to the provider until the way back: passwords and second factors take a while. */
    loginMsMax: 15 * 60_000,
    /** What the provider says of itself is asked for again after this. */
    metadataKeepMs: 3_600_000,
    /** After a failure the provider is left alone for so long, however many people try. */
    failureKeepMs: 5_000,
    /** Entries of one of `OIDC_ADMINS`, `OIDC_MIGRATORS`, `OIDC_READERS`: longer lists belong into a group. */
    entriesMax: 500,
    /** Address to open after the login, as it lies in a cookie. */
    nextCharsMax: 512,
  },
} as const;
