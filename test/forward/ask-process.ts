import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';

/** `ask ADDRESS`: asks port 5300 until it is answered from there; writes the answer. */
const [address = ''] = process.argv.slice(2);
const socket = dgram.createSocket(isIPv6(address) ? 'udp6' : 'udp4');
// Of a connected socket, that nobody listens.
socket.on('error', () => {});
socket.on('message', (answer) => {
  process.stdout.write(answer);
  process.exit();
});
socket.connect(5300, address, () => {
  const ask = () => socket.send('who is it?', () => {});
  ask();
  setInterval(ask, 100);
});
setTimeout(() => {
  process.stdout.write('no answer');
  process.exit();
}, 2_000);
