import type dgram from 'node:dgram';
import type { Log } from '../../node/log.ts';
import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { bindDatagrams, datagramAddresses } from './datagram-sockets.ts';
import { type Arrival, Flow, type FlowBounds } from './flow.ts';
import type { ConnectOn } from './holder.ts';
import { plainAddress, portName } from './published-port.ts';
import { createTraffic, type Traffic } from './traffic.ts';

export interface DatagramBounds extends FlowBounds {
  flowsMax: number;
  flowSilentMsMin: number;
  datagramLookMs: number;
}

/**
 * The UDP ports of a stack that left this host: its clients are passed on to the target. This listens at the published ports
 * themselves, which are free while the stack is stopped. Nothing is held: clients of UDP repeat what is lost.
 */
export class Datagrams {
  readonly #connect: ConnectOn;
  readonly #log: Log;
  readonly #ports: ForwardedPort[];
  readonly #bounds: DatagramBounds;
  readonly #traffic: Traffic;
  /** By the port's name and the address. */
  readonly #sockets = new Map<string, dgram.Socket>();
  /** By the socket's key, the client's address and its port; the one that has been silent longest comes first. */
  readonly #flows = new Map<string, Flow>();
  /** What was logged: each once. */
  readonly #told = new Set<string>();
  #nextLook: NodeJS.Timeout | undefined;
  #isOver = false;

  /** Never throws: a port that another program has, or an address that is new, is tried again and again until `close`. */
  constructor(ports: ForwardedPort[], connect: ConnectOn, log: Log, bounds: Partial<DatagramBounds> = {}) {
    this.#bounds = { ...limits.forward, ...bounds };
    this.#ports = ports;
    this.#connect = connect;
    this.#log = log;
    this.#traffic = createTraffic(ports.map(portName));
    void this.#look();
  }

  /** Frees the ports at once: the stack may be about to start here. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#nextLook);
    for (const flow of this.#flows.values()) flow.end();
    for (const socket of this.#sockets.values()) socket.close();
    this.#flows.clear();
    this.#sockets.clear();
  }

  traffic(): Pick<TrafficReport, 'ports' | 'sources' | 'spliced'> {
    return { ...this.#traffic.report(), spliced: this.#flows.size };
  }

  async #look(): Promise<void> {
    for (const published of this.#ports)
      for (const address of datagramAddresses(published, this.#ports.length)) await this.#listen(published, address);
    if (!this.#isOver) this.#nextLook = setTimeout(() => void this.#look(), this.#bounds.datagramLookMs);
  }

  async #listen(published: ForwardedPort, address: string): Promise<void> {
    const place = `${portName(published)} ${address}`;
    if (this.#isOver || this.#sockets.has(place)) return;
    try {
      const socket = await bindDatagrams(published, address);
      if (this.#isOver) return void socket.close();
      this.#sockets.set(place, socket);
      // Of one datagram.
      socket.on('error', () => {});
      socket.on('message', (datagram, client) => this.#take(place, { published, socket, client }, datagram));
    } catch (error) {
      this.#tell(place, `datagrams to ${place} are not passed on yet`, error);
    }
  }

  #take(place: string, arrival: Arrival, datagram: Buffer): void {
    const { address, port } = arrival.client;
    // Nobody could be answered there.
    if (port === 0) return;
    const key = `${place} ${address} ${port}`;
    const flow = this.#flows.get(key) ?? this.#begin(key, arrival);
    if (!flow) return;
    // The last one now.
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    this.#traffic.touch(portName(arrival.published));
    flow.take(datagram);
  }

  /** Null if there are too many clients, and none of them has been silent for a while. */
  #begin(key: string, arrival: Arrival): Flow | null {
    const name = portName(arrival.published);
    this.#traffic.record(name, plainAddress(arrival.client.address));
    if (this.#flows.size >= this.#bounds.flowsMax && !this.#makeRoom()) {
      this.#tell('full', `too many clients send datagrams to ${name}: some of them are dropped`);
      return null;
    }
    const flow = new Flow(arrival, this.#connect, this.#bounds, (error) => {
      this.#flows.delete(key);
      if (error) this.#tell(`way ${name}`, `datagrams to ${name} could not be passed on`, error);
    });
    this.#flows.set(key, flow);
    return flow;
  }

  #makeRoom(): boolean {
    const [longest] = this.#flows;
    if (!longest || longest[1].silentMs() < this.#bounds.flowSilentMsMin) return false;
    longest[1].end();
    return this.#flows.delete(longest[0]);
  }

  #tell(what: string, message: string, error?: unknown): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#log.warn(message, error === undefined ? {} : { error });
  }
}
