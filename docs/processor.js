// Works through the tasks of a queue: node processor.js ws://KEY@127.0.0.1:8080/queues/mail/socket
const WebSocket = require('ws')

const LARGEST_MESSAGE = 1048576 // bytes; the service hangs up on larger ones
const ends = new Map() // by id: what was said of tasks that ended here, until the service has answered it
let socket

// Whatever a task asks for; what it returns is kept as the result, what it throws fails the attempt.
async function work (payload, log) {
  log(`working on ${JSON.stringify(payload)}`)
  return { seen: payload }
}

function say (message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}

function end (message) {
  ends.set(message.id, message)
  say(message)
}

async function perform ({ id, lease_token, payload }) {
  const fail = error => end({ type: 'fail', id, lease_token, error: String(error).slice(0, 1000), delay_seconds: 10 })
  try {
    const result = await work(payload, line => say({ type: 'log', id, lease_token, message: line }))
    const message = { type: 'done', id, lease_token, result }
    if (Buffer.byteLength(JSON.stringify(message)) > LARGEST_MESSAGE) return fail('the result is too large')
    end(message)
  } catch (error) {
    fail(error)
  }
}

function answered ({ of, id, code, detail }) {
  if (code) console.error(of, id, code, detail)
  const said = ends.get(id)
  if (!said || said.type !== of) return
  if (code === 'unavailable') return setTimeout(say, 1000, said)
  ends.delete(id)
  if (code === 'invalid' && of === 'done') end({ ...said, type: 'fail', result: undefined, error: `refused: ${detail}` })
}

function connect (pauseMs = 1000) {
  socket = new WebSocket(process.argv[2], { handshakeTimeout: 10000 })
  socket.on('open', () => {
    pauseMs = 1000
    ends.forEach(say) // the connection may have ended before the answer came: the same once more is as good
    say({ type: 'ready', max: 5, worker: `node ${process.pid}` })
  })
  socket.on('message', data => {
    const message = JSON.parse(data)
    if (message.type === 'task') perform(message)
    else answered(message)
  })
  socket.on('error', error => console.error(error.message))
  socket.on('close', () => setTimeout(connect, pauseMs, Math.min(pauseMs * 2, 30000)))
}
connect()
