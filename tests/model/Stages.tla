------------------------------- MODULE Stages -------------------------------
(***************************************************************************)
(* How far an offer came: one staged offer that asks for a confirmation    *)
(* (TPY_OFFER_STAGED, TPY_OFFER_CONFIRMED), with a time for its sending,   *)
(* a time for the answer that begins with the confirmation, and a cancel;  *)
(* against a server that accepts it, copies it, confirms, answers, and may *)
(* stop anywhere. Follows docs/exchange.md, "How far an offer came". Each  *)
(* step touches at most one shared word.                                   *)
(*                                                                         *)
(* An answer word is a record: what it says of this offer ("open": still   *)
(* that of the one before), HELP, SLEEP. The confirmation is a commit of   *)
(* the progress word, so that it and a cancel cannot both win.             *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   stored    the confirmation is a store, which a cancel may cross       *)
(*   accepted  the time for the answer begins with the acceptance          *)
(*   nudge     the server does not tell a client that sleeps               *)
(*   unasked   a client about to sleep does not look for the confirmation  *)
(***************************************************************************)
EXTENDS Integers

CONSTANTS Bug

(* --algorithm Stages {
variables
  \* words both sides see
  posted = FALSE, accepted = FALSE,
  answer = [what |-> "open", help |-> FALSE, sleep |-> FALSE],
  progress = "none",                                       \* "confirmed", "closed", "closed confirmed"
  asleep = FALSE, rung = FALSE, cancelled = FALSE, cancels = 1,
  \* how it ended on either side, for the invariants
  client = "waits", server = "idle", late = FALSE;

define {
  Confirmed == progress \in {"confirmed", "closed confirmed"}
  Stage == IF ~accepted THEN "nothing" ELSE IF Confirmed THEN "confirmed" ELSE "accepted"
  Taken == answer.what \in {"open", "ask"}
}

fair process (offer = "client")
  variables seen = answer, replying = FALSE, known = FALSE, reason = "none", reached = "nothing";
{
Post:
  posted := TRUE;
Wait:
  rung := FALSE;
Look:
  seen := answer;
  if (answer.what = "done") goto Answered;
Begun:
  if (~replying /\ (IF Bug = "accepted" THEN accepted ELSE Stage = "confirmed")) replying := TRUE;
Choose:
  if (cancelled) { cancelled := FALSE || reason := "cancelled"; goto Strike }
  else either skip
  or { await ~replying /\ ~known; reason := "send time"; goto Strike }
  or { await replying; reason := "answer time"; goto Final };
Sleep:
  if (answer = seen) answer := [seen EXCEPT !.help = FALSE, !.sleep = TRUE] else goto Wait;
Again:                                                     \* what was said while HELP was set already
  if (~replying /\ Stage = "confirmed" /\ Bug # "unasked") goto Wait;
Futex:
  if (answer.what = "open" /\ answer.sleep /\ ~answer.help /\ ~rung) asleep := TRUE else goto Wait;
Asleep:
  either { await ~asleep; goto Wait }
  or { await ~replying /\ ~known; asleep := FALSE; reason := "send time" }
  or { await replying; asleep := FALSE; reason := "answer time"; goto Final };

Strike:
  if (accepted) { known := TRUE; goto Known };
Ask:
  if (answer.what = "done") goto Answered else { seen := answer; answer := [what |-> "ask", help |-> FALSE, sleep |-> FALSE] };
Decide:
  if (accepted) known := TRUE else goto Gone;
Back:
  if (answer.what = "ask") answer := [seen EXCEPT !.help = FALSE, !.sleep = FALSE]
  else if (answer.what = "done") goto Answered
  else goto Withdrawn;
Known:
  if (reason = "send time") { reason := "none"; goto Wait };
Final:
  reached := Stage;
Close:
  if (Bug # "stored") progress := IF Confirmed THEN "closed confirmed" ELSE "closed";
Cancel:
  if (answer.what = "done") goto Answered else answer := [what |-> "cancel", help |-> FALSE, sleep |-> FALSE];
Result:
  if (Bug # "stored") reached := Stage;
End:
  client := IF reached = "nothing" THEN "not sent" ELSE IF reached = "accepted" THEN "sending aborted" ELSE "sent";
  late := reason = "answer time" /\ reached /= "confirmed";
  goto Over;
Gone:
  if (answer.what = "ask") answer := [what |-> "cancel", help |-> FALSE, sleep |-> FALSE];
Withdrawn:
  client := "not sent";
  goto Over;
Answered:
  client := "answered";
Over:
  seen := [what |-> "open", help |-> FALSE, sleep |-> FALSE];
}

\* It may stop after any step: its pages do not come, or it has other things to do.
process (receiver = "server")
  variables word = answer;
{
Accept:
  await posted;
  accepted := TRUE;
Check:
  word := answer;
  if (answer.what \in {"cancel", "dropped"}) goto Dropped;
Consent:
  if (word.what = "ask") {
    if (answer = word) { answer := [what |-> "dropped", help |-> FALSE, sleep |-> FALSE]; goto Dropped } else goto Check;
  };
Copy:
  server := "receives";
Stream:                                                    \* it may ask for help meanwhile
  either goto Confirm
  or goto Help
  or goto Fail;
Help:
  word := answer;
  if (answer.what = "open") { if (answer.sleep) asleep := FALSE; answer := [what |-> "open", help |-> TRUE, sleep |-> FALSE] };
Confirm:
  if (Bug = "stored") {
    if (answer.what = "cancel") { server := "aborted"; goto End }
  } else if (progress = "closed") { server := "aborted"; goto End }
  else { progress := "confirmed"; server := "received" };
Store:
  if (Bug = "stored") { progress := "confirmed"; server := "received" };
Nudge:
  if (Bug # "nudge" /\ answer.what = "open") {
    if (answer.sleep) asleep := FALSE;
    answer := [what |-> "open", help |-> TRUE, sleep |-> FALSE];
  };
Rest:
  either goto Finish or goto End;
Fail:
  server := "failed";
Finish:
  if (Taken) {
    if (answer.sleep) asleep := FALSE;
    answer := [what |-> "done", help |-> FALSE, sleep |-> FALSE];
  } else if (server = "failed") server := "aborted";
  goto End;
Dropped:
  server := "dropped";
End:
  skip;
}

process (canceller = "canceller")
{
Interrupt:
  await cancels > 0;
  cancels := 0 || cancelled := TRUE || rung := TRUE || asleep := FALSE;
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

\* Each side is told what happened, and the same.
SameEnd ==
  /\ client = "not sent" => server \in {"idle", "dropped"}
  /\ client = "sending aborted" => accepted /\ server /= "received" \* it may drop it at this moment
  /\ client = "sent" => server = "received"
\* An answer that does not come in time is one to a message that is all there.
InTime == ~late
\* Nobody sleeps without the clock of what it waits for.
Quiet == asleep /\ pc["server"] \in {"Rest", "End", "Done"} /\ ~cancelled
Clocked == Quiet /\ Stage = "confirmed" => replying
NoLostAnswer == asleep /\ answer.what = "done" => FALSE
==============================================================================
