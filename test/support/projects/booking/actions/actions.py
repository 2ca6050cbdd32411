"""What the form asks is checked here, and the booking is made."""
from typing import Any, Dict, List, Text

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher


class ValidateTableForm(FormValidationAction):
    def name(self) -> Text:
        return "validate_table_form"

    def validate_seats(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict) -> Dict:
        if str(value).isdigit() and 0 < int(value) < 13:
            return {"seats": int(value)}
        dispatcher.utter_message(text="Between 1 and 12, please.")
        return {"seats": None}


class Book(Action):
    def name(self) -> Text:
        return "action_book"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict) -> List[Dict]:
        city, seats = tracker.get_slot("city"), tracker.get_slot("seats")
        dispatcher.utter_message(text=f"A table for {seats} in {city} is booked.")
        return [SlotSet("city", None), SlotSet("seats", None)]
