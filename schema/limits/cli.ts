/** Bounds of the command line, of `serve` and of the demo. */
export const cliLimits = {
  cli: {
    /** Longer than the pre-flight that `POST …/migrate` waits for, and than an event stream's silence. */
    requestMsMax: 120_000,
    /** Wait for a started part of the fleet to be online. */
    onlineMsMax: 60_000,
    pollMs: 200,
    /** Poll interval of a watched drain. */
    drainPollMs: 1_000,
    /** Poll interval for hosts of a watched migration that fall silent: people see it within seconds. */
    silencePollMs: 2_000,
    /** Time from SIGTERM to a child's exit. */
    stopMsMax: 15_000,
    /** Retry interval, and longest outage, of a followed migration's stream or a lost answer. */
    reconnectMs: 1_000,
    awayMsMax: 120_000,
    /** Items of a list that is read page by page. */
    listItemsMax: 10_000,
    /** Progress interval on output that cannot be repainted. */
    plainProgressMs: 5_000,
    /** Wait before the summary for a completed migration's last duties (restart policies). */
    owedMsMax: 15_000,
    /** Wait for the answer to a test webhook. */
    deliveryMsMax: 20_000,
    /** Request for the names that completion offers. */
    completionMsMax: 2_000,
    tokenCharsMax: 200,
    /** Migrations of one status that `status` reads: more than fit on a screen. */
    statusItemsMax: 200,
    /** Names of profiles are typed, and shown in a table. */
    profileCharsMax: 32,
    /** Wait for a secret of the Worker to appear or to disappear. */
    secretMsMax: 60_000,
    passphraseCharsMin: 12,
    /** The plan of a drain: hundreds of stacks, with their reasons as comments. */
    planFileBytesMax: 1_048_576,
    /** Further faults of a plan that are told at once. */
    planFaultsMax: 20,
  },
  serve: {
    /** Time that running requests have to end after SIGTERM. */
    stopMsMax: 10_000,
    /** Longer than proxies keep an idle connection, so that they never write into one that is being closed. */
    keepAliveMs: 75_000,
    /** Poll interval for a renewed certificate file. */
    certificateLookMs: 60_000,
    /** Wait for the leftovers of a killed process to exit. */
    leftMsMax: 5_000,
    /** Copies of a data directory from before an upgrade. */
    upgradeCopiesMax: 3,
    /** Wait for the relay of this machine, which connects within a second or two unless it is turned away. */
    relayWaitMsMax: 20_000,
    /** Names tried for the relay of this machine. */
    relaysMax: 100,
    manifestBytesMax: 16 * 1024 * 1024,
  },
  demo: {
    /** Packages, two engines and their images, all from nothing. */
    setUpMsMax: 20 * 60_000,
    /** Between two visitors of the page, how long one waits for it, and how long they come before and after the move. */
    visitEveryMs: 20,
    visitMsMax: 45_000,
    aroundMs: 2_000,
  },
} as const;
