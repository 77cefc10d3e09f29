"use strict";
// A Lambda function as it would be deployed: knows nothing but its event and its context.
const { doStep } = require("./steps.js");

exports.handler = async (event, context) => {
  console.log(`step ${event.step}, attempt ${event.attempt}`);
  if (!(context.getRemainingTimeInMillis() > 0)) throw new Error("no time left");
  return { ...(await doStep(event)), request: context.awsRequestId, function: context.invokedFunctionArn };
};
