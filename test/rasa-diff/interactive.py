"""What `rasa interactive` asks of a server, by its own functions: argv has the base URL and the key. Prints what it saw as JSON."""
import asyncio
import json
import sys

from rasa.core.training import interactive
from rasa.shared.core.trackers import EventVerbosity
from rasa.utils.endpoints import EndpointConfig


async def main(url: str, key: str) -> None:
    endpoint = EndpointConfig(url, token=key)
    talk = "interactive/one"
    seen = {"intents": len((await interactive.retrieve_domain(endpoint))["intents"]), "status": sorted(await interactive.retrieve_status(endpoint))}
    seen["listens"] = await interactive.is_listening_for_message(talk, endpoint)
    await interactive.send_message(endpoint, talk, "hello")
    actions = []
    while True:
        predicted = await interactive.request_prediction(endpoint, talk)
        best = max(predicted["scores"], key=lambda score: score["score"])["action"]
        actions.append(best)
        await interactive.send_action(endpoint, talk, best, predicted["policy"], predicted["confidence"])
        if best == "action_listen" or len(actions) > 5:
            break
    await interactive.send_event(endpoint, talk, {"event": "slot", "name": "room_code", "value": "A01"})
    tracker = await interactive.retrieve_tracker(endpoint, talk, EventVerbosity.ALL)
    seen.update(actions=actions, slot=tracker["slots"]["room_code"], said=[e["text"] for e in tracker["events"] if e["event"] == "bot"])
    await interactive.send_event(endpoint, talk, {"event": "rewind"})
    seen["rewound"] = (await interactive.retrieve_tracker(endpoint, talk))["latest_message"]["text"]
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:3]))
