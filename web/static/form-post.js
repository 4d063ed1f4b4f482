// Sends the form that brings an answer to a program. A field named "submit" cannot replace the method.
HTMLFormElement.prototype.submit.call(document.getElementById("form-post"));
