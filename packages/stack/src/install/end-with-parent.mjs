// Loaded before every command that the bootstrap runs: when the bootstrap is gone without a word (SIGKILL), the command is
// asked to end the way a person would ask. The channel alone keeps no process open.
if (process.connected) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
}
