/** Bounds of a transfer: relay, direct connection, stream, pre-copy. */
export const transferLimits = {
  relay: {
    /** Open sockets in any state; the listener refuses more. */
    connectionsMax: 2_048,
    /** Sockets not authenticated yet: a quarter of all, so that sessions keep their room. */
    unauthenticatedMax: 512,
    /** A fleet behind one address reconnects within one handshake's time after a relay restart. */
    unauthenticatedPerAddressMax: 128,
    sessionsMax: 256,
    sessionsPerHostMax: 32,
    /** Admissions that wait for their peer. */
    waitingMax: 512,
    messageBytesMax: 8_192,
    /** Messages per admission connection: pings and one join. */
    messagesMax: 8,
    /** Wait for the first byte, which tells TLS from a join. */
    firstByteMsMax: 5_000,
    handshakeMsMax: 10_000,
    /** From the end of the handshake, or the last answer, to the next whole message. */
    messageMsMax: 10_000,
    /** How long the first side waits for the second to present its ticket. */
    joinWaitMsMax: 20_000,
    /** From the invitation until both sides have presented their join keys. */
    joinKeyMsMax: 10_000,
    /** A spliced session without a byte in either direction. Agents send ALIVE well within it. */
    idleMsMax: 120_000,
    /** Used ticket ids remembered until they expire; beyond it joins are refused. */
    usedTicketsMax: 100_000,
    /** Relays that a host reports as unreachable, the latest. */
    unreachableMax: 16,
    /**
     * How long host and control plane remember an unreachable relay: longer than two waits for a peer at another relay.
     */
    unreachableKeepMs: 60_000,
    answerMsMax: 5_000,
    /** Migrations of one stack whose relays are remembered: one that moves bytes, and some that still forward connections. */
    chosenMax: 8,
    /** Interval at which a relay says what it carries. */
    loadIntervalMs: 10_000,
    /** What a full relay forwards for each of its pairs: 17 Gbit/s on one core, for `sessionsMax`. */
    pairBytesPerS: 8_000_000,
    /** Relays are equally near if their round trips differ by no more: less than they do from minute to minute. */
    nearRttFactor: 1.25,
    nearRttMs: 5,
    /**
     * How long a relay that stops waits for its sessions: less than Docker does before it kills. A transfer that is cut goes on
     * where it was; of a fleet with one relay, hosts meet nowhere meanwhile.
     */
    drainMsMax: 8_000,
    /** User-space buffer of a session in each direction, on top of the kernel's. */
    spliceBufferBytes: 65_536,
  },
  direct: {
    /** From a connection's first byte to the end of its opening. */
    openingMsMax: 5_000,
    /** Ids and a lane's name. */
    sessionBytesMax: 512,
    connectMsMax: 2_000,
    /**
     * How long a source that dialled directly waits for the target, and a target whose relay failed waits for the
     * source.
     */
    goMsMax: 5_000,
    /**
     * How much longer than for the relay's admission a source waits for a first direct connection: some round trips, where a
     * firewall drops what it sends.
     */
    graceMsMax: 250,
    waitingMax: 64,
    connectionsMax: 256,
    /** Of a host's own, told to a source. */
    addressesMax: 8,
    /** A door without a lane that is waited for: longer than from the preparation to the first lane, or between passes. */
    idleMsMax: 900_000,
  },
  early: {
    /** Connections of an agent that were dialled before the stop and wait for their lanes, of at most two migrations. */
    waitingMax: 8,
    /** From the dial: less than a relay's `idleMsMax`. A lane that begins later dials by itself. */
    waitMsMax: 100_000,
    /** TCP's own, so that no router on the way forgets them. */
    keepAliveMs: 15_000,
  },
  stream: {
    /**
     * Payload of a CHUNK, before and after compression. 1 MiB measured as fast as 4 MiB, at a quarter of the memory.
     */
    chunkBytesMax: 1_048_576,
    /** Payload of every other frame. */
    controlFrameBytesMax: 8_192,
    /**
     * Window in uncompressed chunks: the source keeps them until acknowledged, at most 16 MiB, plus as much compressed.
     */
    windowChunksMax: 16,
    /** Unacknowledged chunks, including well-compressed ones: fills the pipe of a long route. */
    windowFramesMax: 64,
    /** Chunks the target buffers between connection and unpacker. */
    inboxChunksMax: 8,
    /** Lines with a shorter round trip recover from a loss soon enough: they are never striped. */
    stripeRoundTripMsMin: 60,
    /** Round trips measured at first; the least counts, so that a busy moment does not make a line long. */
    echoesMax: 5,
    /** Stripes of one stream: with the main connection eight, as many as downloaders open to one server. */
    stripesMax: 7,
    /** Of all streams of an agent: leaves half of a relay's sessions for one host to streams without stripes. */
    stripesPerAgentMax: 14,
    /** Stripes that one main connection may use up, those that broke included: each is a ticket and two handshakes. */
    stripeNumberMax: 64,
    /** After a stripe broke or could not be dialled. */
    stripeRetryMs: 30_000,
    /** Ticket, admission with its wait for the peer, join, handshake; nothing waits for it. */
    stripeDialMsMax: 30_000,
    /**
     * A stripe on which a chunk takes this many times as long as usual, and at least so long, is closed: the chunks after it
     * wait for it.
     */
    stripeStallFactor: 4,
    stripeStallMsMin: 10_000,
    /** Least that may be under way on each connection of a long line: two chunks. */
    stripeAheadBytesMin: 2_097_152,
    /** Least time over which the rate of a long line is measured, and as many round trips. */
    stripeMeasureMs: 1_000,
    stripeMeasureRoundTrips: 4,
    /** Part of that time for which this process may have been busy: beyond it more connections would bring nothing. */
    stripeBusyPartMax: 0.8,
    /** Part of the expected gain that more connections must bring for still more. */
    stripeGainPart: 0.5,
    /**
     * Chunks the target holds once a stream is striped: two on each of eight connections, and half as many that wait for one
     * before them.
     */
    stripeSlots: 24,
    /** Range of a bandwidth limit, bytes per second: at the lowest a chunk takes 16 s. */
    bandwidthMin: 65_536,
    bandwidthMax: 1_000_000_000_000,
    /** Migrations whose bandwidth limit an agent remembers. */
    throttlesMax: 256,
    /** Chunk buffers kept between transfers. */
    spareSlotsMax: 16,
    /** Bytes written to the socket and not yet flushed. */
    writeAheadBytesMax: 2_097_152,
    connectMsMax: 10_000,
    handshakeMsMax: 15_000,
    /** One dial: ticket, admission with its wait for the peer, join, handshake. */
    dialMsMax: 60_000,
    /** Concurrent compressions; each takes a thread. */
    compressionsMax: 2,
    /** Above this rate nothing is compressed: two threads at the lowest level would be the bottleneck. */
    compressBytesPerSMax: 200_000_000,
    /** From this fill of the window on, the network is the bottleneck: a higher compression level may pay. */
    compressWindowPart: 0.5,
    /** Measuring window of the rate, and of whether the unpacker keeps up. */
    rateWindowMs: 500,
    /** HELLO and WELCOME, after the handshake; a target may have to recreate its volume first. */
    helloMsMax: 60_000,
    aliveIntervalMs: 5_000,
    /** A connection without a frame for this long is dead. */
    silenceMsMax: 20_000,
    /** From a frame's first byte to its last, at any pace: a chunk at 1.2 kB/s. */
    frameMsMax: 15 * 60_000,
    /** An item without progress for this long fails with `transfer_interrupted`. */
    reconnectMsMax: 120_000,
    /**
     * Extends it to this part of the time spent so far, within `patienceMsMax`: an hour's copy outlives a router's
     * restart.
     */
    patiencePart: 0.1,
    patienceMsMax: 15 * 60_000,
    /**
     * Time without the control plane, which issues tickets, does not count, up to this: as long as the control plane
     * waits for lost hosts.
     */
    controlAwayMsMax: 15 * 60_000,
    reconnectDelayMsMin: 50,
    reconnectDelayMsMax: 5_000,
    /** Times an item is packed again from its start because the target lost what was sent before. */
    restartsMax: 3,
    /** Protocol violations (bad digest, wrong sequence, oversized frame) in one item before it fails. */
    violationsMax: 5,
    /** Time to flush a last frame (DONE, REJECTED). */
    farewellMsMax: 2_000,
    /** How long a target that sent its proof stays reachable for a source that did not receive it. */
    verifiedWaitMsMax: 30_000,
    /**
     * Packer and unpacker: from the end of the stream to the exit (or from the exit to the end), including the sync.
     */
    packerExitMsMax: 30_000,
    unpackerExitMsMax: 30 * 60_000,
  },
  warm: {
    /** Migrations whose passes an agent remembers; a source is not notified when one ends before the stop. */
    migrationsMax: 256,
    /**
     * Passes of one volume over a running stack, and the fraction by which each must be smaller than the one before.
     */
    passesMax: 8,
    shrinkMin: 1 / 3,
    /** Tries of the last pass before the stop: one may fail, or be forgotten by an agent that restarts. */
    lastPassesMax: 3,
    /** A pass below this is small enough to stop the stack. */
    smallBytes: 4 * 1_048_576,
    /** Files from this size on are sent by blocks: only changed blocks are sent again. */
    blockFileBytesMin: 4 * 1_048_576,
    /** A database's page. Larger blocks send more around each changed page, and are hashed only a tenth faster. */
    blockBytes: 8_192,
    /** Blocks that are compared at once first: below this, setting up the comparison costs more than it saves. */
    blockUnitBytes: 131_072,
    /** Size of one read of such a file, reads under way while one is sent, and an agent's threads that compare them. */
    readBytes: 1_048_576,
    readsAheadMax: 4,
    threadsMax: 2,
    /** Files beyond this many bytes in total are sent whole: the block digests are kept in memory (64 MiB). */
    blockMapBytesMax: 32 * 1_073_741_824,
    /** The next pass checks changes from this long before a pass's sync again: file times are coarse. */
    timeMarginS: 2,
    /** The same where nobody writes but the agent, after a sync of its own: the kernel's clock for file times ticks. */
    clockTickS: 0.1,
    /**
     * A project directory up to this size is sent before the stop as well, and the containers are made from it; a
     * larger one is sent in passes.
     */
    stagedBytesMax: 64 * 1_048_576,
    /** Concurrent jobs of one helper. */
    jobsMax: 8,
    pathBytesMax: 65_536,
    /** Names and times of files that were written, until these are set; some ten thousand files. */
    untimedBytesMax: 2 * 1_048_576,
  },
} as const;
