// Package coordtest is the contract of coord.Client as a suite of tests, which every implementation runs:
//
//	func TestContract(t *testing.T) {
//		coordtest.Run(t, func(t *testing.T) func(name string) coord.Client {
//			store := local.NewStore() // empty, for this test alone
//			return func(string) coord.Client { return local.NewClient(store, local.Faults{}) }
//		})
//	}
//
// Answers and news may be late and reads stale, wherever the contract allows it; but no call may be left without its
// answer, no session end, and no news be lost: such faults an implementation tests by itself.
//
// The suite's own tests run it on implementations that are broken on purpose, each in another way, and every check of it
// finds one of them.
package coordtest
