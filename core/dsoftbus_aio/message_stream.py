"""Streams of whole messages for programs. Those who have none do not load this."""

# Ours

import asyncio

from dsoftbus_aio.stream import BusStream

if False:  # for types
    from dsoftbus.contracts import Data


class BusMessageStream(BusStream):
    """A stream that was opened for messages; both its methods are safe to cancel: a message is
    sent wholly or not at all, and one that has come is there for the next `receive`."""

    async def send(self, message: "Data") -> None:
        """Sends one whole message."""
        stream = self._stream
        while not self._checked(stream.send_message, message):
            await self._until_writable()
            self._check_end()
        self._connection.turn()
        try:
            while stream.pending:
                await self._until_writable()
                self._check_end()
        except asyncio.CancelledError:
            stream.keep_loan()
            raise

    async def receive(self) -> bytes | None:
        """The next whole message, or None at the end."""
        stream = self._stream
        message = self._checked(stream.recv_message)
        while message is None:
            if self.ended or stream.at_end:
                self._check_end()
                return None
            await self._readable.change()
            message = self._checked(stream.recv_message)
        self._connection.turn_if_owed()
        return bytes(message)
