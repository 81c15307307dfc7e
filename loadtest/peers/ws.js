// A plain broadcast server with npm `ws`, as its users write it. Told what to do by lines on stdin: `flush BYTES` sends to
// everybody and answers with how many; prints its port first.
import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const [, , first, deflate] = process.argv;
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  backlog: 4096,
  clientTracking: true,
  perMessageDeflate: deflate === "deflate" ? { serverNoContextTakeover: true, threshold: 0 } : false,
});
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.send(first);
});

createInterface({ input: process.stdin })
  .on("line", (line) => {
    for (const socket of server.clients) socket.send(line);
    console.log(server.clients.size);
  })
  .on("close", () => process.exit(0));
