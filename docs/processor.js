// Works through the tasks of a queue: node processor.js ws://KEY@127.0.0.1:8080/queues/mail/socket
const WebSocket = require('ws')

// Whatever a task asks for; what it returns is kept as the result, what it throws fails the attempt.
async function work (payload, log) {
  log(`working on ${JSON.stringify(payload)}`)
  return { seen: payload }
}

function connect (pauseMs = 1000) {
  const socket = new WebSocket(process.argv[2], { handshakeTimeout: 10000 })
  const say = message => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message))
  socket.on('open', () => {
    pauseMs = 1000
    say({ type: 'ready', max: 5, worker: `node ${process.pid}` })
  })
  socket.on('message', async data => {
    const message = JSON.parse(data)
    if (message.type === 'error') return console.error(message.code, message.detail)
    if (message.type !== 'task') return
    const task = { id: message.id, lease_token: message.lease_token }
    try {
      const result = await work(message.payload, line => say({ type: 'log', ...task, message: line }))
      say({ type: 'done', ...task, result })
    } catch (error) {
      say({ type: 'fail', ...task, error: String(error), delay_seconds: 10 })
    }
  })
  socket.on('error', error => console.error(error.message))
  socket.on('close', () => setTimeout(connect, pauseMs, Math.min(pauseMs * 2, 30000)))
}
connect()
