use crate::context::Context;
use crate::error::Result;
use crate::store::AWSPENDING;

impl Context<'_> {
    /// Removes AWSPENDING from a version, and learns what became of it where the answer was lost.
    pub(crate) async fn unstage(&self, version_id: &str) -> Result<()> {
        let removed = self.store().unstage(self.secret_id(), version_id).await;
        self.describe_again().await?;
        match removed {
            Err(error) if self.id_of(AWSPENDING).as_deref() == Some(version_id) => Err(error),
            _ => Ok(()),
        }
    }
}
