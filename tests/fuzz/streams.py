"""Raw connections, at the reader of requests, beside h11."""

from random import Random

from satmint.server.requests import RequestReader
from tests.fuzz.stream_comparison import check_reference, check_split
from tests.fuzz.stream_mutations import make_stream, shown, split
from tests.fuzz.stream_reading import MakeReader, read
from tests.fuzz.stream_reference import read_reference
from tests.fuzz.targets import Found, Target


class Streams(Target):
    """In any segments the same requests, and the same as h11's or a refusal with a known reason."""

    name = "streams"
    make_reader: MakeReader = RequestReader

    async def attempt(self, random: Random) -> str:
        """See `Target.attempt`."""
        stream = make_stream(random)
        segments = split(random, stream)
        try:
            whole = read([stream], self.make_reader)
            check_split(whole, read(segments, self.make_reader))
            reference = read_reference(stream)
            outcome = check_reference(whole, reference)
        except Found as found:
            raise Found(f"{found}; sent {shown(segments)}") from found
        self.notes["requests accepted"] += len(whole.complete())
        self.notes.update(reference.rewritten)
        return outcome
