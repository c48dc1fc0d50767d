-------------------------------- MODULE Pages --------------------------------
(***************************************************************************)
(* Pages of a sender that are not there: its receiver turns the exchange   *)
(* and waits in it, the sender waits for its pager, asks every now and     *)
(* then whether it is still waited for, and comes back with the whole, or  *)
(* to say that nothing comes. Either may be cancelled at any moment, also  *)
(* within an ask. Follows docs/l4.md, "Pages", and native/l4/send.c and    *)
(* receive.c. What an exchange does by itself is checked in Holding: here  *)
(* an offer, an acceptance, a turn are one step each.                      *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   noask     the sender does not ask                                     *)
(*   leave     a sender cancelled within an ask says nothing               *)
(*   silent    a sender whose pages do not come says nothing               *)
(*   norelease a receiver that is cancelled does not release the exchange  *)
(*   late      a receiver whose turn comes too late leaves without release *)
(***************************************************************************)
EXTENDS Integers

CONSTANTS Cancels, \* of either side together
          Bug

(* --algorithm Pages {
variables
  exchange = "idle",   \* "offered", "accepted", "withdrawn" after that, "held", "continued", "over"
  kind = "pending",    \* what the offer says: "pending", "whole", "failed", "aborted"
  answer = "none",     \* "go": turned; "done"; "let go": nobody holds it
  cancels = Cancels,
  sent = "no", received = "no"; \* how it ended: "yes", "aborted", "faulted"

fair process (sender = "sender")
{
Offer:
  exchange := "offered";
Offered:
  await answer /= "none";
  if (answer = "let go") { sent := "aborted"; goto Over };
Pages:                                                     \* its pager may be as slow as it likes
  answer := "none";
  either { kind := "whole" }
  or { kind := "failed"; if (Bug = "silent") goto Faulted }
  or { await cancels > 0; cancels := cancels - 1; kind := "aborted" }
  or { if (Bug = "noask") goto Stuck else kind := "pending" };
Continue:
  if (exchange = "over") answer := "let go"
  else exchange := "continued";
Continued:
  either await answer /= "none"
  or { await cancels > 0 /\ kind = "pending" /\ answer = "none"; cancels := cancels - 1; goto Withdraw };
Told:
  if (kind = "pending" /\ answer = "go") goto Pages
  else { sent := IF kind = "whole" /\ answer = "done" THEN "yes" ELSE IF kind = "failed" THEN "faulted" ELSE "aborted"; goto Over };
Withdraw:                                                  \* not from an answer that is there: that wins
  if (answer /= "none") goto Told
  else if (exchange = "continued") exchange := "held"
  else if (exchange = "accepted") exchange := "withdrawn";
Meant:                                                     \* or the cancel was of an earlier call
  either goto Pages or skip;
HangUp:
  if (Bug # "leave") exchange := "over";
  sent := "aborted";
  goto Over;
Faulted:
  sent := "faulted";
  goto Over;
Stuck:
  await FALSE;
Over:
  skip;
}

fair process (receiver = "receiver")
  variables what = "pending";
{
Receive:
  await exchange = "offered";
  exchange := "accepted";
Took:
  if (what = "whole") goto Finish
  else if (what = "aborted") { received := "aborted"; goto Finish }
  else if (what = "failed") { received := "faulted"; goto Finish };
Turn:
  if (exchange = "accepted") { exchange := "held"; answer := "go" }
  else { received := "aborted"; if (Bug = "late") goto End else goto Release };
Held:
  either { await exchange = "continued"; exchange := "accepted" || what := kind; goto Took }
  or { await exchange = "over"; received := "aborted"; goto End }
  or { await cancels > 0; cancels := cancels - 1; received := "aborted"; if (Bug = "norelease") goto End };
Release:
  if (exchange \in {"accepted", "continued"}) answer := "let go";
  exchange := "over";
  goto End;
Finish:
  if (exchange = "accepted") {
    exchange := "over" || answer := "done" || received := IF received = "no" THEN "yes" ELSE received;
  } else received := "aborted";
End:
  skip;
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

\* Both are told the same.
SameEnd == pc["sender"] = "Done" /\ pc["receiver"] = "Done" =>
  \/ sent = received
  \/ sent = "faulted" /\ received = "aborted"              \* cancelled while it was about to hear of it
\* Who is left by the other does not wait for ever, whatever its pager does.
SenderEnds == pc["receiver"] = "Done" ~> pc["sender"] = "Done"
ReceiverEnds == pc["sender"] = "Done" ~> pc["receiver"] = "Done"
==============================================================================
