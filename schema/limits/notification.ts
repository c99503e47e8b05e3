/** Bounds of the messages of webhooks that are for people. */
export const notificationLimits = {
  /** The services' own sizes, or as much as somebody reads. */
  notification: {
    /** Access tokens and API keys; JWTs are the longest of them. */
    tokenCharsMax: 2_048,
    /** An address with a display name; RFC 5321 allows 254 characters of address. */
    emailAddressCharsMax: 320,
    emailsMax: 10,
    /** Subject lines are folded from 78 characters on; RFC 5322 allows 998. */
    emailSubjectCharsMax: 200,
    emailTextCharsMax: 4_000,
    /** Slack refuses a longer text of a section, and recommends a shorter fallback. */
    slackBlockCharsMax: 3_000,
    slackTextCharsMax: 4_000,
    /** Discord refuses longer ones. */
    discordContentCharsMax: 2_000,
    discordDescriptionCharsMax: 3_000,
    /** ntfy makes an attachment of a longer message. */
    ntfyTitleBytesMax: 250,
    ntfyMessageBytesMax: 4_096,
    gotifyTitleCharsMax: 200,
    gotifyMessageCharsMax: 4_000,
  },
} as const;
