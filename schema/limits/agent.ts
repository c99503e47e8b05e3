/** Bounds of an agent, its engine and its upgrade. */
export const agentLimits = {
  agent: {
    stopTimeoutSDefault: 30,
    logTailLinesMax: 40,
    logTailBytesMax: 8_192,
    /** What is read of a container's log for its last lines: a line may have megabytes. */
    containerLogBytesMax: 1_048_576,
    /** Volumes that one migration transfers concurrently; each buffers its own chunks. */
    lanesAtOnceMax: 3,
    progressIntervalMs: 500,
    /** Disk space reserved for journal and ledger when the disk fills up: some thousand records. */
    diskReserveBytes: 1_048_576,
    journalBytesMax: 16 * 1_048_576,
    /** Acknowledged commands are remembered this long, against late repeats. */
    journalKeepMs: 7 * 24 * 3_600_000,
    /** One HTTP call to the control plane (enrolment, renewal). */
    httpMsMax: 15_000,
    /** How long a first start waits for a control plane that does not answer. */
    enrollMsMax: 60_000,
    renewCheckMs: 3_600_000,
    /** TCP, TLS and WebSocket handshake of the control link, including the welcome. */
    linkHandshakeMsMax: 15_000,
    /** Bytes buffered in the control link's socket; beyond it, deferrable messages are held back. */
    outgoingBytesMax: 4 * 1_048_576,
    /** Wait for a ticket or a lease, including reconnects. */
    askMsMax: 10_000,
    /** Interval at which unacknowledged results are sent again. */
    resultResendMs: 10_000,
    /** Heartbeat of a running command. */
    aliveIntervalMs: 5_000,
    /** What a host's owner allows single stacks; a pasted command line that allows one. */
    permissionsMax: 1_000,
    /** Stacks that the owner made of plain containers; containers of one. */
    adoptedStacksMax: 200,
    adoptedContainersMax: 50,
    allowLineCharsMax: 1_000,
    commandsMax: 256,
    requestsMax: 64,
    /** Poll interval, and longest wait, for containers to stop or to run again. */
    statePollMs: 250,
    stoppedWaitMsMax: 15_000,
    restoredWaitMsMax: 60_000,
    /** Interval at which an expired lease retries to stop what it started. */
    stopRetryMs: 2_000,
    closeMsMax: 10_000,
    /** Migrations whose log lines are kept in memory for a failure's log tail. */
    logMigrationsMax: 64,
    embedded: {
      /** Poll interval of the embedded engine's processes. */
      tickMs: 250,
      probeMsMax: 2_000,
      probeIntervalMs: 500,
      probeRetries: 10,
      restartDelayMs: 1_000,
      /** From a process's start to its pid file. */
      spawnMsMax: 5_000,
      stackFileBytesMax: 262_144,
      unpackEntriesMax: 1_000_000,
      unpackDepthMax: 128,
    },
    /** One read-only `docker compose` call. */
    composeReadMsMax: 30_000,
    composeWriteMsMax: 10 * 60_000,
    engineRequestMsMax: 60_000,
    engineConnectionsMax: 64,
    /**
     * Concurrent calls that wait for a container's end, a stop, a pull or a stream: two per helper, and the stops of a
     * few large stacks.
     */
    engineWaitsMax: 512,
    /** Concurrent helper containers of one host. */
    helpersMax: 128,
    /**
     * The pre-flight's walk of one volume or directory; beyond it the size is unknown. The request itself may take 20
     * s.
     */
    surveySecondsMax: 8,
    /** Bind mounts surveyed concurrently, each in a helper of its own. */
    bindsAtOnceMax: 4,
    /** Left-out paths that a migration's record names, and a pre-flight per directory; the rest is counted. */
    leftOutPathsMax: 50,
    leftOutExamplesMax: 5,
    leftOutPathCharsMax: 300,
    /** Trees that one helper surveys, with five processes each. */
    surveyTreesMax: 10,
    /** Symlinks followed in one path, as in the kernel. */
    pathLinksMax: 40,
    /** Files of one project that Compose reads through `include` and `extends`; more are refused. */
    includedFilesMax: 100,
    /** Ten times a generated file of some hundred services. */
    composeFileBytesMax: 4 * 1_048_576,
    /** Alias expansions, per alias: more is an alias bomb. */
    yamlAliasesMax: 1_000,
    /** Registry query for one image; the pre-flight waits for it. */
    registryMsMax: 8_000,
    /** Digests of one image that registries are queried for: more of its names hardly help. */
    registryDigestsMax: 4,
    /** Logins that one migration sends, and a token of one: cloud registries' take some thousand characters. */
    registryLoginsMax: 16,
    registrySecretCharsMax: 16_384,
    /** All logins of a migration; the lane is padded to a multiple of the block, so that its size says nothing. */
    registryLoginsBytesMax: 1_048_576,
    registryLoginsBlockBytes: 16_384,
    /** Docker's `config.json`, and the answer of a credential helper, which may ask a cloud. */
    dockerConfigBytesMax: 1_048_576,
    credentialHelperMsMax: 6_000,
    /** Images of the target compared with the one to be sent, for layers in common. */
    imagesComparedMax: 500,
    /** A pull without a progress report for this long fails: registries stall, lines are slow. */
    pullIdleMsMax: 2 * 60_000,
    /** The last report of a pull, which holds its outcome. */
    progressEndCharsMax: 16_384,
    /** Wait for the helper image: of a pre-flight, which returns while it is still built or pulled, and of a helper. */
    helperImageWaitMs: 10_000,
    helperImageMsMax: 5 * 60_000,
    helperProbeMsMax: 30_000,
    helperProbeTriesMax: 3,
    /** A Debian's own programs take 12 MiB, with their libraries. */
    helperImageBytesMax: 256 * 1_048_576,
    helperImageRetry: { reconnectDelayMsMin: 10_000, reconnectDelayMsMax: 60_000 },
    /** A manifest, index or configuration of an image (registries accept no longer ones), and all of one archive. */
    imageJsonBytesMax: 4 * 1_048_576,
    imageJsonBytesTotal: 64 * 1_048_576,
    engineMessageCharsMax: 500,
    /** Error message that lists which of a stack's data cannot be copied. */
    uncarriedCharsMax: 1_500,
    /** One entry of a manifest: a path, a link's target, a file's attribute values. */
    manifestRecordBytesMax: 1_048_576,
    /** Extended header of a tar's member: names, and attributes, each of them up to 64 KiB in Linux. */
    tarHeaderBytesMax: 16_777_216,
    /** Unpackers of one tar side by side: more would wait for the same file system. */
    unpackShardsMin: 1,
    unpackShardsMax: 4,
    /** Data regions of one sparse file that is read back; sixteen bytes of memory each. */
    sparseRegionsMax: 4_000_000,
    /** Output of one `docker compose` call; a file that expands beyond it (alias bomb) is refused. */
    composeOutputBytesMax: 8 * 1_048_576,
    /** Address space of the Docker client and of Compose. */
    composeMemoryBytesMax: 4 * 1024 ** 3,
    /** Wait for a helper to start; how long it runs is bounded by its step. */
    helperStartMsMax: 30_000,
    helperCreateTriesMax: 3,
    /** Poll interval for a helper to open its input. */
    helperOpenedPollMs: 10,
    helperStderrBytesMax: 65_536,
    /**
     * A helper's share of the host's memory, and its minimum. Page cache counts as its memory: with too little of it,
     * all that was written is read from the disk again for the proof, during the downtime.
     */
    helperMemoryPart: 1 / 4,
    helperMemoryBytesMin: 128 * 1_048_576,
    /** Seven for each job that one helper may run at once. */
    helperPidsMax: 64,
    /**
     * Resident helpers of one migration; beyond it each task starts its own. They exit after this long without a task:
     * a source is not notified when a migration fails before the stop.
     */
    residentsMax: 16,
    residentIdleMsMax: 2 * 60_000,
    /** Kernel's ARP retry interval for a container that is being started; its default is a second. */
    neighbourRetryMs: 50,
    /** Job directories with FIFOs of a resident helper, made in one go; at least half of them are kept ready. */
    exchangesAhead: 8,
  },
  upgrade: {
    /** Time for a host to fetch and check the new agent, a few megabytes. */
    requestMsMax: 90_000,
    /** A multiple of what an agent measures. */
    programBytesMax: 32 * 1024 * 1024,
    /** The new program's answer to `--version`. */
    trialRunMsMax: 20_000,
    /** Between the answer and the end of the old program, so that the answer arrives. */
    restartDelayMs: 1_000,
    /** Hosts that one sweep upgrades, once one of them runs the new program; until then it is one. */
    hostsPerSweepMax: 5,
    /** Wait of the command line for the host to be back; more than the launcher's bound, a start and a way back. */
    returnMsMax: 180_000,
  },
} as const;
