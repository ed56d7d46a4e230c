variable "name" {
  description = "Name of the deployment."
  type        = string
}

variable "image" {
  description = "Image of the engine, by digest, from your own registry."
  type        = string
}

variable "build_id" {
  description = "Commit of the image: workers become a version, and `tidegate deployment set-current` gives them the work. null = versioning off."
  type        = string
  default     = null
}

variable "previous" {
  description = "Image and commit of the release that is left: its workers run beside the new ones until their batches have ended. null = none."
  type        = object({ image = string, build_id = string })
  default     = null
}

variable "salesforce" {
  description = "The org: its 18-character ID, login URL, integration user, and the secret with client_id and private_key."
  type        = object({ org_id = string, login_url = string, username = string, secret_arn = string })

  validation {
    condition     = length(var.salesforce.org_id) == 18
    error_message = "Give the org ID with 18 characters."
  }
}

variable "settings" {
  description = "Further settings of docs/settings.md: variable -> value. Never a secret."
  type        = map(string)
  default     = {}
}

variable "sizes" {
  description = "Of each role: processor units and MB of a task, tasks at rest, tasks at most."
  type        = map(object({ cpu = number, memory = number, count = number, most = number }))
  default = {
    lanes      = { cpu = 1024, memory = 4096, count = 2, most = 2 }
    batches    = { cpu = 1024, memory = 4096, count = 2, most = 6 }
    backfill   = { cpu = 1024, memory = 4096, count = 1, most = 4 }
    writebacks = { cpu = 1024, memory = 2048, count = 2, most = 4 }
    api        = { cpu = 512, memory = 2048, count = 2, most = 4 }
    migrate    = { cpu = 512, memory = 2048, count = 0, most = 0 }
  }
}

variable "api" {
  description = "Certificate of the listener, networks that may reach it, and the bucket of its access logs (null = none)."
  type = object({
    certificate_arn   = string
    allowed_cidrs     = list(string)
    internal          = optional(bool, true)
    access_log_bucket = optional(string)
  })
}

variable "backlog_metric" {
  description = "CloudWatch metric in the namespace Tidegate: age in seconds of a task queue's oldest task."
  type        = string
  default     = "tidegate_task_queue_backlog_age_seconds"
}

variable "vpc_id" {
  type = string
}

variable "private_subnet_ids" {
  type = list(string)
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, unless it is internal."
  type        = list(string)
  default     = []
}

variable "tasks_security_group_id" {
  type = string
}

variable "buckets" {
  description = "Class -> name and ARN of its bucket, as the data module gives them."
  type        = map(object({ name = string, arn = string }))
}

variable "keys" {
  description = "Class -> ARN of its KMS key."
  type        = map(string)
}

variable "anchor_key_arn" {
  type = string
}

variable "copy_role_arn" {
  type = string
}

variable "aurora" {
  type = object({ host = string, port = number, database = string, resource_id = string })
}

variable "redshift" {
  type = object({ host = string, port = number, database = string, arn = string })
}

variable "temporal" {
  description = "Where Temporal is. `api_key_secret_arn` null = no API key."
  type        = object({ address = string, namespace = string, api_key_secret_arn = optional(string) })
}
