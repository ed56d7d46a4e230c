output "buckets" {
  description = "Class -> name and ARN of its bucket."
  value       = { for class, bucket in aws_s3_bucket.class : class => { name = bucket.id, arn = bucket.arn } }
}

output "keys" {
  description = "Class -> ARN of its KMS key."
  value       = { for class, key in aws_kms_key.class : class => key.arn }
}

output "anchor_key_arn" {
  description = "Key that signs anchors of the audit log."
  value       = aws_kms_key.anchor.arn
}

output "aurora" {
  value = {
    host        = aws_rds_cluster.this.endpoint
    port        = aws_rds_cluster.this.port
    database    = aws_rds_cluster.this.database_name
    resource_id = aws_rds_cluster.this.cluster_resource_id
    identifier  = aws_rds_cluster.this.cluster_identifier
    secret_arn  = aws_rds_cluster.this.master_user_secret[0].secret_arn
  }
}
