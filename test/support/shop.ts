/** Twenty pairs that nobody tuned for, and for some of them questions in other words. */
const topics: [answer: string, ...questions: string[]][] = [
  ['We deliver within three working days.', 'How long does delivery take?', 'When will my order arrive?', 'How fast do you ship?', 'delivery time'],
  ['You can send goods back within 30 days.', 'Can I return an item?', 'What is your return policy?', 'I want to send something back', 'How do returns work?'],
  ['We take cards, PayPal and invoices.', 'Which payment methods do you accept?', 'Can I pay by card?', 'Do you take PayPal?', 'How can I pay?'],
  ['Shops open from 9 to 18, Monday to Saturday.', 'What are your opening hours?', 'When are you open?', 'Are you open on Saturday?'],
  ['Reset it under "Forgot password".', 'I forgot my password', 'How do I reset my password?', 'I cannot log in any more'],
  ['Call us at 555 0100.', 'What is your phone number?', 'How can I reach you?', 'I want to talk to somebody', 'contact'],
  ['Every product has a two-year warranty.', 'Is there a warranty?', 'How long is the guarantee?', 'My device broke after a year'],
  ['Yes, we ship to all of Europe.', 'Do you ship abroad?', 'Can you send it to France?', 'international shipping'],
  ['Gift cards come as a code by mail.', 'Do you sell gift cards?', 'I need a voucher as a present', 'How do gift cards work?'],
  ['Cancel in your account before it ships.', 'How do I cancel my order?', 'I ordered by mistake', 'Can I stop my order?'],
  ['The newsletter has a link to leave it.', 'How do I unsubscribe from the newsletter?', 'Stop sending me mails', 'I do not want the newsletter'],
  ['We are hiring: see jobs on our page.', 'Do you have open positions?', 'I want to work for you', 'Where do I apply for a job?'],
  ['Students get ten percent off.', 'Is there a student discount?', 'Do students pay less?', 'I am a student, is it cheaper?'],
  ['Change the address in your account.', 'How do I change my address?', 'I moved to a new flat', 'update my delivery address'],
  ['Invoices are under Orders, as PDF.', 'Where is my invoice?', 'I need a receipt', 'Can you send me the bill again?'],
  ['Track it by the link in our mail.', 'Where is my parcel?', 'How can I track my package?', 'tracking number'],
  ['We use recycled cardboard only.', 'Is your packaging sustainable?', 'What are your boxes made of?', 'Do you use plastic?'],
  ['Sizes run small: take one more.', 'Which size should I take?', 'Do the shoes run small?', 'size guide'],
  ['Delete it under Account, Privacy.', 'How do I delete my account?', 'Remove all my data', 'close my account'],
  ['Repairs take two weeks.', 'Do you repair broken things?', 'How long does a repair take?', 'Can you fix my lamp?'],
];

export const shopFaq = topics.map(([A, ...questions]) => ({ Q: questions.map((q) => ({ q })), A }));
/** Question -> the answer that is right. */
export const shopParaphrases: [asked: string, answer: string][] = [
  ['how many days until my stuff gets here', 'We deliver within three working days.'],
  ['the shirt does not fit, may I give it back?', 'You can send goods back within 30 days.'],
  ['is it possible to use my visa card', 'We take cards, PayPal and invoices.'],
  ['at what time do you close', 'Shops open from 9 to 18, Monday to Saturday.'],
  ["my login isn't working, I lost the password", 'Reset it under "Forgot password".'],
  ['any rebate for people at university?', 'Students get ten percent off.'],
  ['please send me a copy of the bill', 'Invoices are under Orders, as PDF.'],
  ['do you deliver to Spain', 'Yes, we ship to all of Europe.'],
];
